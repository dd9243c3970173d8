import { expect, test } from '@jest/globals'
import { judgeFailure } from './origin-failure.ts'
import type { OriginFailure, Verdict } from './origin-failure.ts'

const base = { method: 'POST', connection: 'New', attempts: 1, connectionAttempts: 3 } as const
const again: Verdict = { type: 'Retry', connection: 'New' }
const badGateway: Verdict = { type: 'Answer', status: 502 }
const gatewayTimeout: Verdict = { type: 'Answer', status: 504 }

const cases: (Partial<OriginFailure> & Pick<OriginFailure, 'kind'> & { name: string; verdict: Verdict })[] = [
  {
    name: 'a POST that was never sent goes out again',
    kind: 'NeverSent',
    connection: 'Pooled',
    verdict: again,
  },
  { name: 'a POST without a connection tries again', kind: 'ConnectFailed', verdict: again },
  { name: 'the last attempt to connect', kind: 'ConnectFailed', attempts: 3, verdict: badGateway },
  { name: 'a connection that takes too long tries again', kind: 'ConnectTimedOut', verdict: again },
  { name: 'the last one that takes too long', kind: 'ConnectTimedOut', attempts: 3, verdict: gatewayTimeout },
  { name: 'a silent POST', kind: 'ReadTimedOut', verdict: gatewayTimeout },
  { name: 'a silent PUT', kind: 'ReadTimedOut', method: 'PUT', verdict: gatewayTimeout },
  { name: 'a silent DELETE', kind: 'ReadTimedOut', method: 'DELETE', verdict: gatewayTimeout },
  { name: 'a silent OPTIONS', kind: 'ReadTimedOut', method: 'OPTIONS', verdict: gatewayTimeout },
  {
    name: 'a silent GET is asked again',
    kind: 'ReadTimedOut',
    method: 'GET',
    verdict: { type: 'Retry', connection: 'Any' },
  },
  { name: 'the last silent GET', kind: 'ReadTimedOut', method: 'GET', attempts: 3, verdict: gatewayTimeout },
  {
    name: 'a POST on a pooled connection that closed',
    kind: 'Closed',
    connection: 'Pooled',
    verdict: badGateway,
  },
  { name: 'a GET on a pooled one', kind: 'Closed', method: 'GET', connection: 'Pooled', verdict: again },
  { name: 'a HEAD on a pooled one', kind: 'Closed', method: 'HEAD', connection: 'Pooled', verdict: again },
  {
    name: 'a DELETE on a pooled one',
    kind: 'Closed',
    method: 'DELETE',
    connection: 'Pooled',
    verdict: badGateway,
  },
  { name: 'a GET on a new connection that closed', kind: 'Closed', method: 'GET', verdict: badGateway },
]

test.each(cases)('$name', ({ verdict, ...failure }) => {
  expect(judgeFailure({ ...base, ...failure })).toEqual(verdict)
})
