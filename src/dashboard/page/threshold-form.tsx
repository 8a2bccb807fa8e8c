import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { CategoryAnswer, ThresholdAnswer, ThresholdRequest } from '../api.js';
import { post } from './live.js';
import { textOf } from './mutes.js';
import { attempt } from './toast.js';
import { clock, count, length, nameOf } from './words.js';

const HOUR = 3_600_000;
const LENGTHS = [HOUR, 24 * HOUR, 7 * 24 * HOUR];

interface ThresholdFormProps {
  category: string;
  /** Absent for the whole category. */
  tenant?: string;
  /** Initial value; undefined for none. */
  threshold: number | undefined;
  /** What the user picked on the line. It replaces what was typed. */
  picked?: number | undefined;
  override: CategoryAnswer['override'];
  now: number;
}

/** Sets a threshold on all instances at run time, or removes it. */
export function ThresholdForm({ category, tenant, threshold, picked, override, now }: ThresholdFormProps): JSX.Element {
  const [open, setOpen] = useState(false);
  /** Stays if somebody else sets another threshold meanwhile. */
  const [typed, setTyped] = useState<string>();
  useEffect(() => setTyped(undefined), [picked]);
  const send = (change: Omit<ThresholdRequest, 'category' | 'tenant'>): Promise<void> =>
    attempt(async () => {
      const body: ThresholdRequest = { category, ...(tenant === undefined ? {} : { tenant }), ...change };
      const answer = await post<ThresholdAnswer>('api/threshold', body);
      setOpen(false);
      setTyped(undefined);
      const holds = answer.threshold === undefined ? 'one per tenant' : count(answer.threshold);
      return {
        text: `The threshold of ${category}${tenant === undefined ? '' : ` for ${nameOf({ id: tenant })}`} is now ${holds}.`,
      };
    });
  return (
    <>
      {override && (
        <p class="override">
          Set to <b>{override.threshold === undefined ? 'no alerts' : count(override.threshold)}</b> by{' '}
          <bdi>{override.by}</bdi>
          {override.until !== undefined && `, until ${clock(override.until, now)}`}: <bdi>{override.reason}</bdi>{' '}
          <button type="button" class="quiet" onClick={() => void send({ threshold: null })}>
            Remove it
          </button>
        </p>
      )}
      <details class="set" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          Set {tenant === undefined && threshold !== undefined ? count(threshold) : 'a threshold'} at run time
        </summary>
        <form
          class="form"
          onSubmit={(event) => {
            event.preventDefault();
            const given = new FormData(event.currentTarget);
            const forMs = Number(textOf(given, 'for'));
            const reason = textOf(given, 'reason');
            void send({
              threshold: Number(textOf(given, 'threshold')),
              ...(forMs > 0 ? { forMs } : {}),
              ...(reason === '' ? {} : { reason }),
            });
          }}
        >
          <label>
            Threshold
            <input
              name="threshold"
              type="number"
              min={0}
              step={1}
              required
              value={typed ?? threshold?.toString() ?? ''}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </label>
          <label>
            For
            <select name="for">
              <option value="0">until removed</option>
              {LENGTHS.map((ms) => (
                <option key={ms} value={ms}>
                  {length(ms)}
                </option>
              ))}
            </select>
          </label>
          <label class="wide">
            Reason
            <input name="reason" maxLength={200} autocomplete="off" />
          </label>
          <button type="submit" class="primary">
            Set
          </button>
        </form>
      </details>
    </>
  );
}
