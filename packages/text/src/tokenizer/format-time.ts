const months = 'January February March April May June July August September October November December'.split(' ');
const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const two = (value: number) => String(value).padStart(2, '0');

const parts: Readonly<Record<string, (time: Date) => string>> = {
  Y: (time) => String(time.getFullYear()),
  y: (time) => two(time.getFullYear() % 100),
  m: (time) => two(time.getMonth() + 1),
  B: (time) => months[time.getMonth()]!,
  b: (time) => months[time.getMonth()]!.slice(0, 3),
  d: (time) => two(time.getDate()),
  A: (time) => days[time.getDay()]!,
  a: (time) => days[time.getDay()]!.slice(0, 3),
  H: (time) => two(time.getHours()),
  I: (time) => two(time.getHours() % 12 || 12),
  M: (time) => two(time.getMinutes()),
  S: (time) => two(time.getSeconds()),
  p: (time) => (time.getHours() < 12 ? 'AM' : 'PM'),
  '%': () => '%',
};

/** A local time as C's `strftime` writes it in English; `%-d` and the like without a zero before. */
export function formatTime(time: Date, format: string): string {
  return format.replace(/%(-?)([a-zA-Z%])/g, (whole, bare: string, letter: string) => {
    const text = parts[letter]?.(time) ?? whole;
    return bare === '' ? text : text.replace(/^0(?=\d)/, '');
  });
}
