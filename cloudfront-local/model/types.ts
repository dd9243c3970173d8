/** The form in which the service model of CloudFront is kept here. */
export type Scalar = 'String' | 'Number' | 'Boolean' | 'Timestamp' | 'Blob'

/** `type` is a scalar or the name of a shape. `in` is left out for a child element; `name` where it is the member's. */
export type Member = {
  type: string
  required?: true
  in?: 'Header' | 'Query' | 'Path' | 'Payload'
  name?: string
}

/** A structure, or a list of elements called `item`. */
export type Shape = { members: Readonly<Record<string, Member>> } | { item: string; type: string }

/** `path` has `{Member}` where the input's members go, and may have a query that tells operations apart. */
export type Operation = {
  method: string
  path: string
  status: number
  input?: string
  output?: string
  /** The error codes that it declares. */
  errors: readonly string[]
}
