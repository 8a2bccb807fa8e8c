import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

interface Notice {
  text: string;
  bad?: boolean;
  /** Takes back what was done. */
  undo?: () => void;
}

const SHOWN_MS = 8_000;

let show: (notice: Notice | undefined) => void = () => undefined;

/** Shows at the foot of the page what came of something. */
export function notify(notice: Notice): void {
  show(notice);
}

/** Does something, and shows why it failed if it did. */
export async function attempt(work: () => Promise<Notice | undefined>): Promise<void> {
  try {
    const notice = await work();
    if (notice) notify(notice);
  } catch (error) {
    notify({ text: error instanceof Error ? error.message : String(error), bad: true });
  }
}

/** Where notices appear; read out by a screen reader. */
export function Notices(): JSX.Element {
  const [notice, setNotice] = useState<Notice>();
  show = setNotice;
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(() => setNotice(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  const undo = notice?.undo;
  return (
    <div class="notices" role="status">
      {notice && (
        <p class={notice.bad ? 'notice bad' : 'notice'}>
          <span>{notice.text}</span>
          {undo && (
            <button
              type="button"
              onClick={() => {
                setNotice(undefined);
                undo();
              }}
            >
              Undo
            </button>
          )}
        </p>
      )}
    </div>
  );
}
