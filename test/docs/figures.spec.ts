import { readFileSync } from 'node:fs';

const page = (file: string): string => readFileSync(file, 'utf8').replace(/\s+/g, ' ');
const benchmarks = readFileSync('docs/benchmarks.md', 'utf8');

/** The figures of a pattern's groups, without the commas of thousands. */
const figures = (text: string, pattern: RegExp): number[] =>
  (pattern.exec(text) ?? []).slice(1).map((figure) => Number(figure.replaceAll(',', '')));

describe('figures of the benchmarks that other pages quote', () => {
  it('the README quotes the measured Redis CPU compared with the throttler', () => {
    const [share = 0] = figures(page('README.md'), /about 1\/(\d+) of the Redis CPU of @nestjs\/throttler/);
    const [measured = 0] = figures(
      benchmarks,
      /Redis CPU\/request, `auto` \/ throttler, 200 connections \| \S+ \S+ \| ([\d.]+)/,
    );
    expect(1 / share).toBeGreaterThan(measured * 0.9);
    expect(1 / share).toBeLessThan(measured * 1.1);
  });

  it('the operations page quotes the memory per tenant from the benchmarks', () => {
    const quoted = figures(
      page('docs/operations.md'),
      /(\d+) B of heap per tenant and window at a million tenants, (\d+) B at 100,000/,
    );
    const measured = ['1,000,000', '100,000'].flatMap((tenants) =>
      figures(benchmarks, new RegExp(`rate-monitor, auto \\| ${tenants} \\| (\\d+)`)),
    );
    expect(quoted).toEqual(measured);
    expect(quoted).toHaveLength(2);
  });
});
