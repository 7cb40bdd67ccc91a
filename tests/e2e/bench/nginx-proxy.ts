import { findProgram, holdMachineLock, installPackages } from '@gpulab/images'
import { eventually, findFreePort, startService } from '@gpulab/testing'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface NginxProxy extends AsyncDisposable {
  readonly port: number
  readonly pid: number
}

/** Ports of an upstream that speaks HTTP, and of one that speaks WebSocket. */
interface Upstream {
  readonly address: string
  readonly http: number
  readonly socket: number
}

const bufferedParts = 'proxy_buffers 16 32k; proxy_max_temp_file_size 0;'

/** The distribution's nginx with one worker, as a proxy does its best: kept connections, nothing logged. */
const toConfig = (dir: string, port: number, { address, http, socket }: Upstream): string => `
worker_processes 1;
daemon off;
user root;
pid ${dir}/nginx.pid;
error_log ${dir}/nginx-error.log;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${dir}/nginx-body;
  proxy_temp_path ${dir}/nginx-proxy;
  fastcgi_temp_path ${dir}/nginx-fastcgi;
  scgi_temp_path ${dir}/nginx-scgi;
  uwsgi_temp_path ${dir}/nginx-uwsgi;
  keepalive_requests 1000000;
  upstream http_port { server ${address}:${http}; keepalive 256; keepalive_requests 1000000; }
  upstream socket_port { server ${address}:${socket}; keepalive 256; }
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    ${bufferedParts}
    location / { proxy_set_header Connection ""; proxy_pass http://http_port; }
    location = /ws {
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "Upgrade";
      proxy_read_timeout 1h;
      proxy_pass http://socket_port;
    }
    location = /sse { proxy_set_header Connection ""; proxy_pass http://socket_port; }
  }
}
`

export async function startNginx(dir: string, upstream: Upstream): Promise<NginxProxy> {
  await ensureInstalled({ nginx: 'nginx-light', wrk: 'wrk' })
  const port = await findFreePort()
  const file = join(dir, 'nginx.conf')
  await writeFile(file, toConfig(dir, port, upstream))
  const service = startService(
    (await findProgram('nginx')) ?? 'nginx',
    ['-c', file],
    {},
    join(dir, 'nginx.log'),
  )
  await eventually(async () => void (await fetch(`http://127.0.0.1:${port}/small`)))
  return { port, pid: service.pid, [Symbol.asyncDispose]: () => service.stop() }
}

async function ensureInstalled(packages: Readonly<Record<string, string>>): Promise<void> {
  await using _ = await holdMachineLock('installation of what the bench compares with', 600_000)
  const missing: string[] = []
  for (const [program, name] of Object.entries(packages)) {
    if ((await findProgram(program)) === undefined) missing.push(name)
  }
  if (missing.length > 0) await installPackages(missing, 'The bench of the gateway')
}
