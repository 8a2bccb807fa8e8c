import type { DiscordBody } from '../test/support/discord-limits.js';
import { DiscordServer } from '../test/support/discord-server.js';
import type { Received, StandInAnswer } from '../test/support/stand-in.js';
import { asText } from './shown-message.js';

/** A stand-in for Discord that prints each message as it is posted, and after each edit. */
export class DiscordOnScreen extends DiscordServer {
  /** Each message as it looks now. */
  get shown(): DiscordBody[] {
    return this.messages.map(({ now }) => now);
  }

  /** Each message as it was posted. */
  get posted(): DiscordBody[] {
    return this.messages.map(({ versions: [first] }) => first ?? {});
  }

  protected override answer(request: Received): StandInAnswer {
    const before = this.messages.map(({ versions }) => versions.length);
    const answer = super.answer(request);
    this.messages.forEach(({ now, versions }, i) => {
      if (versions.length === before[i]) return;
      const edits = versions.length - 1;
      console.log(`\nDiscord, ${edits === 0 ? 'a new message' : `edit ${edits}`}:\n${asText(now)}`);
    });
    return answer;
  }
}
