import { SEVERITIES } from '../model/level.js';
import { isHeaders, isPrivate, isWebhookUrl } from './http/webhook-url.js';
import { isSecret } from './webhook/signature.js';

/**
 * Which values an option of a channel accepts, and what to write instead. Checked when a channel is constructed, often long before the
 * boot, and therefore without class-validator, which is loaded only at boot.
 */
export interface OptionRule {
  readonly accepts: (value: unknown) => boolean;
  readonly remedy: string;
  readonly isRequired?: true;
}

/** The options of a channel by name. */
export type ChannelShape = Readonly<Record<string, OptionRule>>;

const matches =
  (pattern: RegExp) =>
  (value: unknown): boolean =>
    typeof value === 'string' && pattern.test(value);
const isSeverity = (value: unknown): boolean => (SEVERITIES as readonly unknown[]).includes(value);
const isFunction = (value: unknown): boolean => typeof value === 'function';
const isCategories = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string');

export const FILTER_SHAPE: ChannelShape = {
  minSeverity: { accepts: isSeverity, remedy: "'info', 'warning' or 'critical', or leave it out for all" },
  categories: {
    accepts: isCategories,
    remedy: "a list of categories such as ['llm_call'], or leave it out for all",
  },
};

const isSecretUrl = (value: unknown): boolean => isWebhookUrl(value) && isPrivate(value);
const HEADERS: OptionRule = {
  accepts: isHeaders,
  remedy: "an object such as { authorization: 'Bearer ...' } of header names and values",
};

/** For a receiver that may be in the same network. */
const URL_SHAPE: ChannelShape = {
  ...FILTER_SHAPE,
  url: {
    accepts: isWebhookUrl,
    remedy: 'the whole address, beginning with https:// and with no user name or password in it',
    isRequired: true,
  },
};

export const MESSAGE_SHAPE: ChannelShape = {
  ...FILTER_SHAPE,
  url: {
    accepts: isSecretUrl,
    remedy: 'the whole address of the webhook, beginning with https:// and with no user name or password in it',
    isRequired: true,
  },
  environment: {
    accepts: matches(/\S/),
    remedy: "a name such as 'production', or leave it out for the environment of the alert",
  },
  link: { accepts: isFunction, remedy: 'a function of the alert that gives an address' },
};

export const DISCORD_SHAPE: ChannelShape = {
  ...MESSAGE_SHAPE,
  mentionRole: { accepts: matches(/^\d{1,21}$/), remedy: "the role's id, digits only and in quotes, or leave it out" },
  mentionFrom: { accepts: isSeverity, remedy: "'info', 'warning' or 'critical', or leave it out for 'warning'" },
  threadName: {
    accepts: (value) => isFunction(value) || matches(/\S/)(value),
    remedy: 'a name, or a function of the alert that gives one, or leave it out',
  },
};

export const WEBHOOK_SHAPE: ChannelShape = {
  ...URL_SHAPE,
  secret: {
    accepts: isSecret,
    remedy:
      'whsec_ and 24 to 64 random bytes in base64, or a text of 24 characters or more, or a list of them, or leave it out to send unsigned',
  },
  headers: HEADERS,
};

export const ALERTMANAGER_SHAPE: ChannelShape = { ...URL_SHAPE, headers: HEADERS };

export const PAGERDUTY_SHAPE: ChannelShape = {
  ...FILTER_SHAPE,
  routingKey: {
    accepts: matches(/^[A-Za-z0-9]{32}$/),
    remedy: 'the integration key of an Events API v2 integration, 32 letters and digits',
    isRequired: true,
  },
  url: { accepts: isSecretUrl, remedy: 'an address beginning with https://, or leave it out' },
};
