import { useEffect, useState } from 'preact/hooks';

/** What the page shows: everything, or one tenant in one category. */
export interface Address {
  category: string;
  tenant: string;
}

/** The tenant's address that alerts link to: `#/llm_call/proj_1`. */
export function addressOf({ category, tenant }: Address): string {
  return `#/${encoded(category)}/${encoded(tenant)}`;
}

/** Part of an address. One cannot have half of a surrogate pair, which ids may, so that becomes what alerts link to. */
export function encoded(part: string): string {
  return encodeURIComponent(part.replace(/\p{Cs}/gu, '\ufffd'));
}

function readAddress(hash: string): Address | undefined {
  const [, category = '', tenant = ''] = hash.slice(1).split('/').map(decoded);
  return category === '' || tenant === '' ? undefined : { category, tenant };
}

export function useAddress(): Address | undefined {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    addEventListener('hashchange', follow);
    // It may have changed since this was drawn.
    follow();
    return () => removeEventListener('hashchange', follow);
  }, []);
  return readAddress(hash);
}

/** A hash that was typed by hand may contain a lone `%`. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
