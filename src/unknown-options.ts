/** A misspelt option of a plugin would do nothing, and nobody would know. */
import type { FastifyInstance } from 'fastify'

/** Fastify's own of `register`. */
const OF_REGISTER = new Set(['prefix', 'logLevel', 'logSerializers'])

/**
 * Warns of options that the plugin does not know, by name and never by value. They are not refused, because
 * `@fastify/autoload` hands options of the app to every plugin.
 */
export function warnOfUnknown(
  app: FastifyInstance,
  plugin: string,
  options: object,
  known: ReadonlySet<string>,
): void {
  const unknown = Object.keys(options).filter((name) => !known.has(name) && !OF_REGISTER.has(name))
  if (unknown.length > 0) app.log.warn({ plugin, options: unknown }, 'options that are none are passed over')
}
