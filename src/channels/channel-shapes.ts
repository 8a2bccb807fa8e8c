import { ArrayNotEmpty, IsArray, IsIn, IsOptional, IsString, Matches } from 'class-validator';

import { IsFunction, Passes, says } from '../options/shape-rules.js';
import { SEVERITIES } from '../model/level.js';
import { isHeaders, isWebhookUrl } from './http/webhook-url.js';

/** What each option of a channel may be. */
const CATEGORIES = "a list of categories such as ['llm_call'], or leave it out for all";

export class FilterShape {
  @IsOptional()
  @IsIn(SEVERITIES, says("'info', 'warning' or 'critical', or leave it out for all"))
  minSeverity: unknown;

  @IsOptional()
  @IsArray(says(CATEGORIES))
  @ArrayNotEmpty(says(CATEGORIES))
  @IsString({ each: true, message: CATEGORIES })
  categories: unknown;
}

const isName = (value: unknown): boolean =>
  typeof value === 'function' || (typeof value === 'string' && /\S/.test(value));

class UrlShape extends FilterShape {
  @Passes(
    'isWebhookUrl',
    isWebhookUrl,
    'the whole address of the webhook, beginning with https:// and with no user name or password in it',
  )
  url: unknown;
}

export class MessageShape extends UrlShape {
  @IsOptional()
  @Matches(/\S/, says("a name such as 'production', or leave it out for NODE_ENV"))
  environment: unknown;

  @IsOptional()
  @IsFunction('a function of the alert that gives an address')
  link: unknown;
}

export class DiscordShape extends MessageShape {
  @IsOptional()
  @Matches(/^\d{1,21}$/, says("the role's id, digits only and in quotes, or leave it out"))
  mentionRole: unknown;

  @IsOptional()
  @IsIn(SEVERITIES, says("'info', 'warning' or 'critical', or leave it out for 'warning'"))
  mentionFrom: unknown;

  @IsOptional()
  @Passes('isName', isName, 'a name, or a function of the alert that gives one, or leave it out')
  threadName: unknown;
}

export class WebhookShape extends UrlShape {
  @IsOptional()
  @Matches(/\S/, says('a text that sender and receiver share, or leave it out to send unsigned'))
  secret: unknown;

  @IsOptional()
  @Passes('isHeaders', isHeaders, "an object such as { authorization: 'Bearer ...' } of header names and values")
  headers: unknown;
}
