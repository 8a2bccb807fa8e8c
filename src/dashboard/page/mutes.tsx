import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import type { MuteAnswer, MuteRequest, Overview, PageMute, PageTenant, UnmuteAnswer, UnmuteRequest } from '../api.js';
import { post } from './live.js';
import { attempt, notify } from './toast.js';
import { clock, length, many, nameOf } from './words.js';
import { Who } from './who.js';

const HOUR = 3_600_000;
const LENGTHS = [HOUR / 4, HOUR, 4 * HOUR, 24 * HOUR, 7 * 24 * HOUR];

interface Scope {
  category?: string | undefined;
  tenant?: PageTenant | undefined;
}

/** One click mutes for an hour, another undoes it. People on call should not have to fill in a form. */
export function MuteButton({
  scope,
  mute,
  now,
}: {
  scope: Scope;
  mute?: PageMute | undefined;
  now: number;
}): JSX.Element {
  const [busy, setBusy] = useState(false);
  const press = async (): Promise<void> => {
    setBusy(true);
    await (mute ? takeAway(mute) : silence(scope, HOUR, 'muted on the page', now));
    setBusy(false);
  };
  const whom = scopeWords(scope);
  return (
    <button
      type="button"
      class="quiet"
      disabled={busy}
      onClick={() => void press()}
      aria-label={mute ? `Unmute ${whom}` : `Mute 1 h: ${whom}`}
    >
      {mute ? 'Unmute' : 'Mute 1 h'}
    </button>
  );
}

/** Active mutes, and a form for a new one. */
export function Mutes({ overview, now }: { overview: Overview; now: number }): JSX.Element {
  const { mutes, categories } = overview;
  const [adding, setAdding] = useState(false);
  return (
    <section aria-labelledby="mutes">
      <h2 id="mutes">
        Mutes <small>{mutes.length === 0 ? 'none' : mutes.length}</small>
        <button type="button" class="quiet end" aria-expanded={adding} onClick={() => setAdding(!adding)}>
          {adding ? 'Cancel' : 'Add'}
        </button>
      </h2>
      {adding && <MuteForm categories={categories.map(({ name }) => name)} now={now} done={() => setAdding(false)} />}
      {mutes.length > 0 && (
        <ul class="list">
          {mutes.map((mute) => (
            <li key={`${mute.category ?? ''}/${mute.tenant?.id ?? ''}`} class="mute">
              <div>
                {mute.tenant && mute.category !== undefined ? (
                  <Who tenant={mute.tenant} category={mute.category} chip={mute.category} />
                ) : (
                  <>
                    <b>
                      <bdi>{mute.tenant ? nameOf(mute.tenant) : 'Every tenant'}</bdi>
                    </b>
                    <span class="chip">{mute.category ?? 'every category'}</span>
                  </>
                )}
              </div>
              <div>
                <bdi>{mute.reason}</bdi>, until {clock(mute.until, now)}
                <small>
                  {mute.by !== undefined && (
                    <>
                      by <bdi>{mute.by}</bdi>,{' '}
                    </>
                  )}
                  held back {many(mute.heldBack, 'alert')}
                </small>
              </div>
              <MuteButton scope={mute} mute={mute} now={now} />
            </li>
          ))}
        </ul>
      )}
      {mutes.length === 0 && !adding && <p class="empty">No mutes: every alert is sent.</p>}
    </section>
  );
}

interface MuteFormProps {
  /** Categories to choose from; absent if the scope is fixed. */
  categories?: readonly string[];
  scope?: Scope;
  now: number;
  done: () => void;
}

/** Mutes with a reason, for a chosen time. */
export function MuteForm({ categories, scope, now, done }: MuteFormProps): JSX.Element {
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form);
    const id = textOf(given, 'tenant');
    const category = textOf(given, 'category');
    const chosen: Scope = scope ?? {
      category: category === '' ? undefined : category,
      tenant: id === '' ? undefined : { id },
    };
    if (await silence(chosen, Number(textOf(given, 'for')), textOf(given, 'reason'), now)) done();
  };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      {categories && (
        <>
          <label>
            Category
            <select name="category">
              <option value="">every category</option>
              {categories.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label>
            Tenant id
            <input name="tenant" placeholder="every tenant" autocomplete="off" />
          </label>
        </>
      )}
      <label>
        For
        <select name="for">
          {LENGTHS.map((ms) => (
            <option key={ms} value={ms} selected={ms === HOUR}>
              {length(ms)}
            </option>
          ))}
        </select>
      </label>
      <label class="wide">
        Reason
        <input name="reason" required maxLength={200} placeholder="load test" autocomplete="off" />
      </label>
      <button type="submit" class="primary">
        Mute
      </button>
    </form>
  );
}

export function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value.trim() : '';
}

async function silence(scope: Scope, forMs: number, reason: string, now: number): Promise<boolean> {
  let done = false;
  await attempt(async () => {
    const body: MuteRequest = { ...requestOf(scope), forMs, reason };
    const { mute } = await post<MuteAnswer>('api/mute', body);
    done = true;
    return { text: `Muted ${scopeWords(scope)} until ${clock(mute.until, now)}.`, undo: () => void takeAway(mute) };
  });
  return done;
}

async function takeAway(mute: PageMute): Promise<void> {
  await attempt(async () => {
    const { unmuted } = await post<UnmuteAnswer>('api/unmute', requestOf(mute));
    return { text: unmuted ? `Unmuted ${scopeWords(mute)}.` : `The mute of ${scopeWords(mute)} had already ended.` };
  });
}

function requestOf({ category, tenant }: Scope): UnmuteRequest {
  return { ...(category === undefined ? {} : { category }), ...(tenant === undefined ? {} : { tenant: tenant.id }) };
}

function scopeWords({ category, tenant }: Scope): string {
  const whom = tenant === undefined ? 'every tenant' : nameOf(tenant);
  return `${whom} (${category ?? 'every category'})`;
}

/** Copies text, and shows a notice if the browser does not allow it. */
export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notify({ text: `Copied ${text}` });
  } catch {
    notify({ text: 'This browser does not let the page copy here: select the text instead.', bad: true });
  }
}
