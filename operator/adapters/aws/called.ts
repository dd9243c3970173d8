/** What was asked of AWS and what it said, in one line. */
import { oneLine, shorten } from '../../api/text.ts'

/** What was tried, for messages. */
export type Called = {
  /** The API operation with the prefix of its IAM action, for example `cloudfront:GetDistribution`. */
  action: string
  /** For example `distribution E123EXAMPLE`. */
  subject: string
  /** What the IAM action is needed on. */
  arn: string
  /** What to do where the service refuses what was sent, for another reason than a permission. */
  advice?: string
}

export type Foreign = Partial<Error> & { code?: unknown; $metadata?: { httpStatusCode?: number } }

/** What is said beside the text of a service has room too: a condition takes 1,024 characters. */
const MAX_TEXT = 600

/** What was tried, and all that the service says of it. */
export function describe({ action, subject }: Called, { name, message }: Foreign): string {
  const said = shorten(oneLine(message ?? ''), MAX_TEXT)
  const told = [name === 'NoAnswerError' ? '' : name, said].filter(Boolean).join(': ')
  return `${action.replace(/^.*:/, '')} of ${subject}: ${told}`
}
