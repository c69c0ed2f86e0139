/**
 * Validates requests to the key routes strictly by their schemas.
 *
 * Fastify's own validator is lenient: it turns `"5"` and `[5]` into 5, and removes properties that a schema does not
 * know. A misspelt `scopse` would return 201 and a key with other scopes than requested. An app may also have replaced
 * the validator with one that cannot read these schemas (zod's compiler, for example). So the routes validate themselves.
 */
import { type TSchema, FormatRegistry } from '@sinclair/typebox'
import { TypeCompiler, ValueErrorType } from '@sinclair/typebox/compiler'

/** RFC 3339 with an offset. Without one, the moment would depend on the machine's time zone. */
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt ](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/

if (!FormatRegistry.Has('date-time')) {
  FormatRegistry.Set('date-time', (text) => isDateTime(text) && !Number.isNaN(Date.parse(text)))
}

/** Checks that the day exists, because `Date.parse` reads February 30th as March 2nd. */
function isDateTime(text: string): boolean {
  const [, year, month, day] = DATE_TIME.exec(text) ?? []
  return Number(day) >= 1 && Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
}

/** A refused request. Fastify marks such errors with `validation`, by which `errorEnvelope` recognizes them. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest'
  readonly statusCode = 400
  readonly code = 'FST_ERR_VALIDATION'
  readonly validation: readonly unknown[] = []
}

/**
 * @returns a function that returns what it received, with the integers of a query as numbers
 * @throws `InvalidRequest`, from that function
 */
export function compile(part: string, schema: TSchema | undefined): (received: unknown) => unknown {
  if (schema === undefined) return () => ({})
  const check = TypeCompiler.Compile(schema)
  return (received) => {
    // A missing body counts as an empty object, so that the error names what it lacks.
    let value: unknown = received ?? {}
    // A query contains only strings. Bodies have types, which are not converted.
    if (part === 'querystring') value = withNumbers(schema, value as object)
    if (check.Check(value)) return value
    throw new InvalidRequest(complaint(part, schema, check.Errors(value).First()))
  }
}

/** Converts digits if the schema has an integer, and nothing else that could pass for a number: `1e1`, `0x10`, `true`. */
function withNumbers({ properties }: TSchema, query: object): object {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]: [string, unknown]) => {
      const isInteger = (properties as Record<string, TSchema>)[name]?.type === 'integer'
      const isDigits = typeof value === 'string' && /^\d{1,15}$/.test(value)
      return [name, isInteger && isDigits ? Number(value) : value]
    }),
  )
}

type Complaint =
  ReturnType<ReturnType<typeof TypeCompiler.Compile>['Errors']> extends {
    First(): infer First
  }
    ? First
    : never

/** Names the place and what it takes. Never repeats a value or name of the request: it may be a misplaced credential. */
function complaint(part: string, schema: TSchema, error: Complaint): string {
  const properties = Object.keys(schema.properties as object)
  if (error?.type === ValueErrorType.ObjectAdditionalProperties) {
    return `${part} has an unknown property: it takes ${properties.join(', ')}`
  }
  const place = error === undefined ? part : part + error.path
  const takes = error?.schema.description ?? `an object with ${properties.join(', ')}`
  return `${place} must be ${takes}`
}
