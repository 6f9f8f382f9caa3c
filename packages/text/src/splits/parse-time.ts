const isoTime = /^\d{4}(-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?( ?(Z|[+-]\d{2}(:?\d{2})?| UTC))?)?)?)?$/i;
const daysOfMonths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Times as numbers to compare. When all are numbers, or text of numbers, they are taken as they are; else all are taken for ISO
 * 8601 dates and times, in milliseconds since 1970, without a zone in UTC, so that the order is the same on every machine. NaN for
 * what is neither, also for a day that does not exist.
 */
export function parseTimes(times: readonly (string | number)[]): Float64Array {
  const numbers = Float64Array.from(times, (time) => {
    if (typeof time === 'number') return time;
    return /^\s*[+-]?\d+(\.\d+)?\s*$/.test(time) ? Number(time) : Number.NaN;
  });
  if (numbers.every(Number.isFinite)) return numbers;
  if (times.every((time) => typeof time === 'number')) return numbers;
  return Float64Array.from(times, (time) => (typeof time === 'number' ? Number.NaN : parseIsoTime(time.trim())));
}

function parseIsoTime(text: string): number {
  if (!isoTime.test(text)) return Number.NaN;
  const [, year, month = '01', day = '01'] = /^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?/.exec(text)!;
  const clock = /[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?/i.exec(text);
  const zone = /([+-])(\d{2}):?(\d{2})?$/.exec(clock === null ? '' : text);
  const [hours, minutes, seconds] = [1, 2, 3].map((group) => Number(clock?.[group] ?? 0)) as [number, number, number];
  const leap = Number(year) % 4 === 0 && (Number(year) % 100 !== 0 || Number(year) % 400 === 0);
  const days = month === '02' && !leap ? 28 : (daysOfMonths[Number(month) - 1] ?? 0);
  if (Number(day) < 1 || Number(day) > days || hours > 24 || minutes > 59 || seconds > 60) return Number.NaN;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const offset = zone === null ? 0 : (zone[1] === '-' ? 1 : -1) * (60 * Number(zone[2]) + Number(zone[3] ?? 0));
  const fraction = clock?.[4] === undefined ? 0 : Number(`0.${clock[4]}`);
  return date.getTime() + 1000 * (60 * (60 * hours + minutes + offset) + seconds + fraction);
}
