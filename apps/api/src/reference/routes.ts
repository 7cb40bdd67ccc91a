import { api } from '@gpulab/contract'
import { createOpenApi, renderReference, type Server } from '@gpulab/http'
import { version } from '../version.ts'

export function referenceRoutes(app: Server): void {
  const document = createOpenApi(api, {
    title: 'GPULab API',
    version,
    description:
      'GPU containers from the terminal: deploy, exec, logs. Made from the contract that server and client share.',
  })
  const page = renderReference(document)
  app.get('/v1/openapi.json', () => document)
  app.get('/docs', (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header(
        'content-security-policy',
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      )
      .send(page),
  )
}
