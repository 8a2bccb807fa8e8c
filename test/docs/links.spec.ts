import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const pages = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...readdirSync('docs').flatMap((file) => (file.endsWith('.md') ? [join('docs', file)] : [])),
];

/** A page without its code blocks, in which a `#` or a `](` means something else. */
const textOf = (page: string): string => readFileSync(page, 'utf8').replace(/^```[^]*?^```/gm, '');

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (page: string): string[] =>
  Array.from(textOf(page).matchAll(/^#+ (.*)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

const links = pages.flatMap((page) =>
  Array.from(textOf(page).matchAll(/\]\(\s*([^)\s]+)\s*\)|src(?:set)?="([^"]+)"/g), ([, link, image]) => ({
    page,
    to: link ?? image ?? '',
  })),
);

it('finds the links of the pages', () => expect(links.length).toBeGreaterThan(100));

it.each(links.filter(({ to }) => !/^https?:/.test(to)))('$page links to something that exists: $to', ({ page, to }) => {
  const [path = '', anchor] = to.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  expect(existsSync(target)).toBe(true);
  if (anchor !== undefined) expect(anchorsOf(target)).toContain(anchor);
});
