/** The envelope as a TypeBox schema. It has a separate file because loading TypeBox takes 70 ms, and few apps need it. */
import { type Static, Type } from '@sinclair/typebox'

/**
 * The schema and type of every error body, for `schema.response`, OpenAPI and clients:
 * `{"request_id": …, "error": {"code": …, "message": …}}`
 */
export const ErrorResponse = Type.Object(
  {
    request_id: Type.String({
      description: 'Id of the request, to quote in support',
      examples: ['req_1234567890'],
    }),
    error: Type.Object({
      code: Type.String({ description: 'Stable, for programs', examples: ['AUTH_INVALID_KEY'] }),
      message: Type.String({
        description: 'For people',
        examples: ['The provided API key is invalid or expired'],
      }),
    }),
  },
  { title: 'ErrorResponse', description: 'Every error of the API has this shape' },
)
export type ErrorResponse = Static<typeof ErrorResponse>
