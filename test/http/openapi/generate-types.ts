/** Makes TypeScript types of an OpenAPI document, with the generator that lives in a workspace of its own. */
import { createRequire } from 'node:module'

interface Generator {
  default: (document: string) => Promise<object[]>
  astToString: (nodes: object[]) => string
}

/** @param document as JSON */
export async function generateTypes(document: string): Promise<string> {
  const workspace = createRequire(new URL('./generator/package.json', import.meta.url))
  const generator = workspace('openapi-typescript') as Generator
  return generator.astToString(await generator.default(document))
}
