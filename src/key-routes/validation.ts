/**
 * Validates what the key routes are sent, by the letter of their schemas.
 *
 * Fastify's own validator is made for leniency: it turns `"5"` and `[5]` into 5 and takes properties out that a schema does
 * not know, so that a misspelt `scopse` would make a key of other powers than asked for, and say 201. And an app may
 * have replaced it (zod's compiler, say), which could not read these schemas. So the routes validate by themselves.
 */
import { type TSchema, FormatRegistry } from '@sinclair/typebox'
import { TypeCompiler, ValueErrorType } from '@sinclair/typebox/compiler'

/** RFC 3339, with its offset: a date and time without one means another moment on each machine. */
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt ](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/

if (!FormatRegistry.Has('date-time')) {
  FormatRegistry.Set('date-time', (text) => isDateTime(text) && !Number.isNaN(Date.parse(text)))
}

/** `Date.parse` takes February 30th for March 2nd. */
function isDateTime(text: string): boolean {
  const [, year, month, day] = DATE_TIME.exec(text) ?? []
  return Number(day) >= 1 && Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
}

/** A refused request. `validation` is how Fastify marks such errors, and what `errorEnvelope` knows them by. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest'
  readonly statusCode = 400
  readonly code = 'FST_ERR_VALIDATION'
  readonly validation: readonly unknown[] = []
}

/**
 * @returns a function that answers what it was given, with what the schema's types make of it
 * @throws `InvalidRequest`, from that function
 */
export function compile(part: string, schema: TSchema | undefined): (received: unknown) => unknown {
  if (schema === undefined) return () => ({})
  const check = TypeCompiler.Compile(schema)
  return (received) => {
    // No body is an empty object: what it lacks is then named.
    let value: unknown = received ?? {}
    // A query holds nothing but strings; bodies have types of their own, which are not bent.
    if (part === 'querystring') value = withNumbers(schema, value as object)
    if (check.Check(value)) return value
    throw new InvalidRequest(complaint(part, schema, check.Errors(value).First()))
  }
}

/** Digits where the schema has an integer, and nothing else that could be taken for a number: `1e1`, `0x10`, `true`. */
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

/** Names the place and what it takes. Never a value or a name that was sent: it may be a credential in the wrong place. */
function complaint(part: string, schema: TSchema, error: Complaint): string {
  const properties = Object.keys(schema.properties as object)
  if (error?.type === ValueErrorType.ObjectAdditionalProperties) {
    return `${part} has a property that is not taken; it takes ${properties.join(', ')}`
  }
  const place = error === undefined ? part : part + error.path
  const takes = error?.schema.description ?? `an object with ${properties.join(', ')}`
  return `${place} must be ${takes}`
}
