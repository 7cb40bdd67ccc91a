import { z } from 'zod'
import { empty, endpoint, json } from '../../endpoint.ts'
import { Uuid } from '../../fields.ts'
import { CreateTemplate, Template, UpdateTemplate } from '../templates.ts'

const params = z.object({ uuid: Uuid })
const path = '/v1/admin/templates'

export const templates = {
  create: endpoint({
    method: 'POST',
    path,
    summary: 'Make a template of all teams',
    scope: 'admin',
    idempotency: 'replay',
    body: CreateTemplate,
    result: json(Template, 201),
    errors: ['template_name_taken'],
  }),
  update: endpoint({
    method: 'PATCH',
    path: `${path}/:uuid`,
    summary: 'Change a template of all teams; containers stay as they were deployed',
    scope: 'admin',
    params,
    body: UpdateTemplate,
    result: json(Template),
    errors: ['template_not_found'],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: `${path}/:uuid`,
    summary: 'Delete a template of all teams; containers stay',
    scope: 'admin',
    params,
    result: empty(),
    errors: ['template_not_found'],
  }),
}
