/** `fastify-tenant-auth/leak-reports`: keys that GitHub has found in public places. */
export type { Leak, LeakReportsOptions } from './options.ts'
export { leakReports, leakReports as default } from './plugin.ts'
