/** `fastify-tenant-auth/leak-reports`: GitHub's reports of keys that it found in public places. */
export type { Leak, LeakReportsOptions } from './options.ts'
export { leakReports, leakReports as default } from './plugin.ts'
