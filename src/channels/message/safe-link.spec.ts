import { anAlert } from '../../../test/support/alerts.js';
import { linkOf, safeLink } from './safe-link.js';

it.each([
  ['https://app.example.com/a b', 'https://app.example.com/a%20b'],
  ['HTTP://app.example.com', 'http://app.example.com/'],
  ['javascript:alert(1)', undefined],
  ['file:///etc/passwd', undefined],
  ['xhttp://app.example.com', undefined],
  ['/tenants/proj_1', undefined],
  ['', undefined],
  [undefined, undefined],
])('the link of %j is %j', (address, link) => expect(safeLink(address)).toBe(link));

it('a link is left out past 2,000 characters, which no service takes', () => {
  const long = `https://app.example.com/${'a'.repeat(1_976)}`;
  expect(safeLink(long)).toBe(long);
  expect(safeLink(`${long}a`)).toBeUndefined();
});

it("the channel's link replaces the alert's own, even if it fails", () => {
  const alert = anAlert({ link: 'https://app.example.com/' });
  expect(linkOf(alert)).toBe('https://app.example.com/');
  expect(linkOf(alert, ({ tenant }) => `https://else.example.com/${tenant.id}`)).toBe(
    'https://else.example.com/proj_1',
  );
  expect(linkOf(alert, () => undefined)).toBeUndefined();
  const failing = (): string => {
    throw new Error('no');
  };
  expect(linkOf(alert, failing)).toBeUndefined();
});
