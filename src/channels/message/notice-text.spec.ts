import type { Notice } from '../../model/notice.js';
import { MAX_NOTICE_LINE, noticeLines } from './notice-text.js';

const notice = (lines: string[], more: Partial<Notice> = {}): Notice =>
  ({ title: 't', lines, ...more }) as unknown as Notice;
const write = (text: string, most: number): string => text.slice(0, most).toUpperCase();

describe('the lines of a notice', () => {
  it('are written as the service writes them, with where the app runs', () => {
    expect(
      noticeLines(notice(['a', 'b'], { service: 'api', environment: 'staging' }), undefined, write, 1_000),
    ).toEqual([...['A', 'B', 'API, STAGING']]);
    expect(noticeLines(notice(['a'], { environment: 'staging' }), 'production', write, 1_000)).toEqual([
      'A',
      'PRODUCTION',
    ]);
    expect(noticeLines(notice(['a']), undefined, write, 1_000)).toEqual(['A']);
    expect(noticeLines(notice(['x'.repeat(1_000)]), undefined, write, 1_000)[0]).toHaveLength(MAX_NOTICE_LINE);
  });

  it('are counted if there is no room for them', () => {
    const lines = ['a'.repeat(9), 'b'.repeat(9), 'c'.repeat(9)];
    expect(noticeLines(notice(lines), undefined, write, 40 + 30)).toHaveLength(3);
    expect(noticeLines(notice(lines), undefined, write, 40 + 29)).toEqual([
      'A'.repeat(9),
      'B'.repeat(9),
      'and 1 more line',
    ]);
    expect(noticeLines(notice(lines), undefined, write, 40 + 10)).toEqual(['A'.repeat(9), 'and 2 more lines']);
  });
});
