/** A complex signal: real and imaginary parts, of one length. */
export interface Complex {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/**
 * `Σₙ x[n]·e^(∓2πi·kn/N)` for every `k`, minus for `sign` -1 (forward), plus for 1 (inverse, not divided by N). Even
 * lengths are halved (Cooley and Tukey, https://doi.org/10.1090/S0025-5718-1965-0178586-1); odd ones are summed up.
 */
export function fourier(x: Complex, sign: 1 | -1): Complex {
  const n = x.re.length;
  const turn = (k: number): readonly [number, number] => {
    const angle = (2 * Math.PI * k) / n;
    return [Math.cos(angle), sign * Math.sin(angle)];
  };
  const y = { re: new Float64Array(n), im: new Float64Array(n) };
  if (n % 2 === 0 && n > 0) {
    const [even, odd] = [0, 1].map((first) => {
      const pick = (part: Float64Array) => Float64Array.from({ length: n / 2 }, (_, i) => part[2 * i + first]!);
      return fourier({ re: pick(x.re), im: pick(x.im) }, sign);
    }) as [Complex, Complex];
    for (let k = 0; k < n / 2; k++) {
      const [cos, sin] = turn(k);
      const re = odd.re[k]! * cos - odd.im[k]! * sin;
      const im = odd.re[k]! * sin + odd.im[k]! * cos;
      y.re[k] = even.re[k]! + re;
      y.im[k] = even.im[k]! + im;
      y.re[k + n / 2] = even.re[k]! - re;
      y.im[k + n / 2] = even.im[k]! - im;
    }
    return y;
  }
  const turns = Array.from({ length: n }, (_, k) => turn(k));
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      const [cos, sin] = turns[(k * i) % n]!;
      y.re[k]! += x.re[i]! * cos - x.im[i]! * sin;
      y.im[k]! += x.re[i]! * sin + x.im[i]! * cos;
    }
  }
  return y;
}
