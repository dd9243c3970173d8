/** What the policies of a stack allow. */
import type { Json, Properties, Stack } from './template.ts'

export type Statement = {
  Effect: string
  Action: string | string[]
  Resource: string | string[]
  Sid?: string
}

/** Of managed policies and roles; resources need not be made. */
export function statementsOf(stack: Stack): Statement[] {
  return stack.resources.flatMap(([, { Type, Properties: properties = {} }]) => {
    if (Type === 'AWS::IAM::ManagedPolicy') return inDocument(stack, properties.PolicyDocument ?? null)
    if (Type !== 'AWS::IAM::Role') return []
    const policies = (properties.Policies ?? []) as Properties[]
    return policies.flatMap(({ PolicyDocument = null }) => inDocument(stack, PolicyDocument))
  })
}

function inDocument(stack: Stack, document: Json): Statement[] {
  return (stack.resolve(document) as unknown as { Statement: Statement[] }).Statement
}

/** Sorted, each once. */
export function actionsOf(statements: readonly Statement[]): string[] {
  return [...new Set(statements.flatMap(({ Action }) => Action))].toSorted()
}
