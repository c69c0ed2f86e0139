import { defineConfig } from 'vitepress'
import { SIDEBAR, slug } from '../sidebar.mjs'

export default defineConfig({
  title: 'fastify-tenant-auth',
  description:
    'Tenant API keys and Clerk sessions for Fastify 5, with revocation that is immediate on the whole fleet',
  srcDir: 'pages',
  outDir: 'dist',
  cacheDir: '.cache',
  cleanUrls: true,
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  // Minifying takes a third of the build, and saves little of pages that are text.
  vite: { build: { chunkSizeWarningLimit: 5_000, minify: false } },
  markdown: { anchor: { slugify: slug } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: SIDEBAR,
    nav: [
      { text: 'Quick start', link: '/quick-start' },
      { text: 'Troubleshooting', link: '/troubleshooting' },
      { text: 'API', link: '/api/' },
      { text: 'Changelog', link: '/changelog' },
    ],
  },
})
