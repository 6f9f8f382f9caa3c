/**
 * The error function to about 1e-16: the Maclaurin series erf x = 2/√π Σ 2ⁿ x²ⁿ⁺¹ e^(−x²) / (1·3·…·(2n+1)) near zero
 * (DLMF 7.6.2), the continued fraction of erfc further out (DLMF 7.9.3).
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a > 6) return Math.sign(x);
  const decay = Math.exp(-a * a);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * decay * sum;
  }
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - decay / (Math.sqrt(Math.PI) * (a + fraction)));
}
