import { useEffect, useState } from 'preact/hooks';

/** What the page shows: everything, or one tenant in one category. */
export interface Address {
  category: string;
  tenant: string;
}

/** The tenant's address that alerts link to: `#/llm_call/proj_1`. */
export function addressOf({ category, tenant }: Address): string {
  return `#/${encodeURIComponent(category)}/${encodeURIComponent(tenant)}`;
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
