/** Builds the page into static files: one script, one style sheet, and the HTML that names them. */
import { defineConfig } from 'vite'

export default defineConfig({
  // Relative, since the page is also at `/__migratest/` of vite's server.
  base: './',
  build: {
    outDir: '../dist/ui',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: false,
    rolldownOptions: { output: { codeSplitting: false } },
  },
  // One script without imports, so that it can be started from a text.
  worker: { format: 'iife' },
})
