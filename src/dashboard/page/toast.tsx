import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

interface Notice {
  text: string;
  bad?: boolean;
  /** Undoes the action. */
  undo?: () => void;
}

const SHOWN_MS = 8_000;

let show: (notice: Notice | undefined) => void = () => undefined;

/** Shows the result of an action at the bottom of the page. */
export function notify(notice: Notice): void {
  show(notice);
}

/** Runs an action, and shows the reason if it fails. */
export async function attempt(work: () => Promise<Notice | undefined>): Promise<void> {
  try {
    const notice = await work();
    if (notice) notify(notice);
  } catch (error) {
    notify({ text: error instanceof Error ? error.message : String(error), bad: true });
  }
}

/** Where notices appear. Screen readers read them out. */
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
