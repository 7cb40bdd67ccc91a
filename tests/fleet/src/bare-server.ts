import Fastify from 'fastify'

/** What Fastify alone does with the bytes that it is given: the floor of whatever is served with it. */
const app = Fastify({ logger: false })
const body = process.argv[2] ?? ''
app.get('/v1/containers/:uuid', (_request, reply) => {
  void reply.type('application/json').send(body)
})
process.stdout.write(await app.listen({ host: '127.0.0.1', port: 0 }))
