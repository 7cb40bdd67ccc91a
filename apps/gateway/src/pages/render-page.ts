import { createHash } from 'node:crypto'
import { style } from './style.ts'

const styleHash = createHash('sha256').update(style).digest('base64')

export interface Page {
  readonly status: number
  readonly title: string
  readonly text: string
  readonly hint?: string | undefined
  readonly code: string
  readonly requestId: string
  /** Seconds after which a browser asks again. */
  readonly retryAfter?: number | undefined
}

/** A page without anything that runs or is loaded. */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`

export const renderPage = (page: Page): string => {
  const { status, title, text, hint, code, requestId, retryAfter } = page
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    retryAfter === undefined ? '' : `<meta http-equiv="refresh" content="${retryAfter}">`,
    `<title>${escapeHtml(title)}</title><style>${style}</style></head><body><main>`,
    `<header><b>GPULab</b><span>${status}</span></header>`,
    `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>`,
    hint === undefined ? '' : `<p class="hint">${escapeHtml(hint)}</p>`,
    retryAfter === undefined ? '' : '<p class="retry">This page tries again by itself.</p>',
    `<footer><code>${escapeHtml(code)}</code><code>${escapeHtml(requestId)}</code></footer>`,
    '</main></body></html>\n',
  ].join('')
}

export const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
