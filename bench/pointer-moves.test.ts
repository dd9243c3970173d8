import { describe, expect, test } from '@jest/globals'
import type { AuditEntry } from '../demo/cloudfront.ts'
import { callsOf, logLines, movesOf, type LogLine } from './pointer-moves.ts'

const at = (ms: number): string => new Date(ms).toISOString()
const said = (time: number, msg: string, step: string, modelrelease = 'a/housing'): LogLine => ({
  time,
  msg,
  step,
  modelrelease,
})
const call = (ms: number, operation: string, more: object = {}): AuditEntry => ({
  sequence: ms,
  time: at(ms),
  type: 'Call',
  via: 'Api',
  operation,
  status: 200,
  ...more,
})
const edge = (ms: number, version: number, status: string): AuditEntry =>
  ({ sequence: ms, time: at(ms), type: 'EdgeApplied', edge: 1, version, status }) as AuditEntry

const AUDIT = [
  call(10, 'GetDistribution'),
  call(90, 'UpdateDistribution', { status: 412 }),
  call(120, 'UpdateDistribution', { version: 2 }),
  edge(1000, 2, 'InProgress'),
  edge(3000, 2, 'Deployed'),
  call(5120, 'GetDistribution'),
  call(9000, 'UpdateDistribution', { version: 3 }),
  edge(9500, 3, 'Deployed'),
  call(9600, 'UpdateDistribution', { via: 'Admin', version: 4 }),
  call(12_000, 'UpdateDistribution', { version: 5 }),
  edge(12_500, 5, 'Deployed'),
]
const LOG = [
  said(20, 'Acting', 'RunGates'),
  said(40, 'Reconciled', 'RunGates'),
  said(60, 'Reconciled', 'RunGates', 'b/housing'),
  said(100, 'Acting', 'MovePointer'),
  said(3100, 'Acting', 'Verify'),
  said(3200, 'Reconciled', 'Verify'),
  said(5200, 'Acting', 'Verify'),
  said(5230, 'Reconciled', 'Verify'),
  said(8950, 'Reconciled', 'RunGates'),
  said(9900, 'Reconciled', 'Verify', 'b/housing'),
  said(12_600, 'Acting', 'Verify'),
  said(12_700, 'Reconciled', 'Verify'),
]

describe('moves', () => {
  test('are measured from the last gates before them to the last answers after them, each by itself', () => {
    expect(movesOf('a/housing', LOG, AUDIT)).toEqual([
      { decisionToWrite: 80, edgeToPropagated: 2230, answers: 30 },
      { decisionToWrite: 50, edgeToPropagated: undefined, answers: undefined },
      { decisionToWrite: undefined, edgeToPropagated: 200, answers: 100 },
    ])
  })
})

test('calls are those of API clients, whether accepted or not', () => {
  expect(callsOf(AUDIT)).toEqual({ GetDistribution: 2, UpdateDistribution: 4 })
})

test('a log is its JSON lines', () => {
  expect(logLines('starting\n{"time":1,"msg":"Acting"}\n\n')).toEqual([{ time: 1, msg: 'Acting' }])
})
