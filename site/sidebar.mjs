// The order in which the site lists its pages, and how it calls their sections.

const group = (text, items) => ({
  text,
  items: Object.entries(items).map(([link, text]) => ({ text, link })),
})

export const SIDEBAR = [
  group('Start', {
    '/': 'What it is',
    '/quick-start': 'Quick start',
    '/concepts': 'Concepts',
    '/migrating': 'Migrating',
    '/comparison': 'Comparison',
  }),
  group('Use', {
    '/tenant-auth': 'tenantAuth',
    '/console-auth': 'consoleAuth',
    '/clerk': 'Clerk',
    '/keys': 'Keys',
    '/key-routes': 'keyRoutes',
    '/clerk-webhooks': 'clerkWebhooks',
    '/leaks': 'Keys that leak',
    '/command-line': 'Command line',
    '/dashboard': 'The dashboard',
    '/errors': 'Errors',
    '/calling-your-api': 'For callers of your API',
    '/logging': 'Logs and events',
    '/integrations': 'With other plugins',
    '/typescript': 'TypeScript',
    '/testing': 'Testing',
  }),
  group('Stores', {
    '/stores': 'Which store',
    '/postgres': 'PostgreSQL',
    '/redis': 'Redis',
    '/writing-a-store': 'Writing a store',
  }),
  group('Run', {
    '/deployment': 'Deployment',
    '/operations': 'Operations',
    '/troubleshooting': 'Troubleshooting',
    '/coherence': 'Coherence',
    '/performance': 'Performance',
    '/security': 'Security',
  }),
  group('Reference', {
    '/api/': 'API',
    '/examples/': 'Examples',
    '/sample': 'The sample',
    '/changelog': 'Changelog',
    '/contributing': 'Contributing',
    '/bench': 'Where time goes',
  }),
]

/** As GitHub makes them, so that a link to a section works in both places. */
export function slug(title) {
  return title
    .trim()
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
}
