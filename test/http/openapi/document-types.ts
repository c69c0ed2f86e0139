/** An OpenAPI document in the notation of TypeScript, which is what types of clients are generated from. */

export interface Schema {
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  title?: string
}

export interface Operation {
  parameters?: { in: string; name: string; required?: boolean; schema: Schema }[]
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}

/** @param named titles of schemas to show by their title */
export function typeOf(schema: Schema | undefined, named: readonly string[] = []): string {
  if (schema === undefined) return 'nothing'
  const { title, anyOf, items, properties, required = [], additionalProperties: more } = schema
  if (title !== undefined && named.includes(title)) return title
  if (anyOf !== undefined) return anyOf.map((one) => typeOf(one, named)).join(' | ')
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (items !== undefined) return `${typeOf(items, named)}[]`
  if (properties !== undefined) {
    const fields = Object.entries(properties).map(
      ([name, field]) => `${name}${required.includes(name) ? '' : '?'}: ${typeOf(field, named)}`,
    )
    return `{ ${[...fields, ...(more === false ? [] : ['…'])].join(', ')} }`
  }
  return [schema.type ?? 'unknown'].flat().join(' | ')
}

/** Returns what an operation takes, and what it answers by status. */
export function signatureOf(operation: Operation, named: readonly string[] = []): Record<string, string> {
  const { parameters = [], requestBody, responses } = operation
  const json = (holder?: { content?: Record<string, { schema: Schema }> }) =>
    typeOf(holder?.content?.['application/json']?.schema, named)
  const takes = parameters.map(
    ({ in: where, name, required, schema }) =>
      `${where} ${name}${required === true ? '' : '?'}: ${typeOf(schema, named)}`,
  )
  if (requestBody !== undefined)
    takes.push(`body${requestBody.required === true ? '' : '?'}: ${json(requestBody)}`)
  const answers = Object.entries(responses).map(([status, response]) => [status, json(response)])
  return { takes: takes.join(', '), ...Object.fromEntries(answers) }
}
