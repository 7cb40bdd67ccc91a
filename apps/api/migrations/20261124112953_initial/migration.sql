CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY,
	"user_uuid" uuid NOT NULL,
	"name" text NOT NULL,
	"hash" bytea NOT NULL,
	"scopes" text[] NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp(3) with time zone,
	"revoked_at" timestamp(3) with time zone
);
--> statement-breakpoint
CREATE TABLE "teams" (
	"uuid" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	"name" text NOT NULL UNIQUE,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "users" (
	"uuid" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	"team_uuid" uuid NOT NULL,
	"email" text NOT NULL UNIQUE,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "gpu_types" (
	"name" text PRIMARY KEY,
	"memory_bytes" bigint NOT NULL,
	"price_per_hour" numeric(12,4) NOT NULL,
	"currency" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "templates" (
	"uuid" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	"name" text NOT NULL UNIQUE,
	"type" text NOT NULL,
	"image" text NOT NULL,
	"stand_in_for" text,
	"ports" integer[] NOT NULL,
	"memory_bytes" bigint NOT NULL,
	"command" jsonb
);
--> statement-breakpoint
CREATE TABLE "container_facts" (
	"container_uuid" uuid PRIMARY KEY,
	"generation" integer NOT NULL,
	"state" text NOT NULL,
	"busy" boolean NOT NULL,
	"started_at" text,
	"finished_at" text,
	"exit_code" integer,
	"oom_killed" boolean NOT NULL,
	"failure_attempt" integer,
	"failure_code" text,
	"failure_message" text,
	"target_version" bigint NOT NULL,
	"observed_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "containers" (
	"uuid" uuid PRIMARY KEY,
	"team_uuid" uuid NOT NULL,
	"created_by" uuid NOT NULL,
	"name" text NOT NULL,
	"template" text,
	"image" text NOT NULL,
	"stand_in_for" text,
	"command" jsonb,
	"env" bytea NOT NULL,
	"ports" integer[] NOT NULL,
	"memory_bytes" bigint NOT NULL,
	"cpus" real,
	"gpu_type" text,
	"gpu_count" integer NOT NULL,
	"host_uuid" uuid NOT NULL,
	"desired" text NOT NULL,
	"generation" integer DEFAULT 1 NOT NULL,
	"start_after" text,
	"attempt" integer DEFAULT 1 NOT NULL,
	"target_version" bigint NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"announced_status" text NOT NULL,
	"announced_at" timestamp(3) with time zone NOT NULL,
	"deleted_at" timestamp(3) with time zone
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"container_uuid" uuid NOT NULL,
	"type" text NOT NULL,
	"status" text,
	"reason" text,
	"message" text NOT NULL,
	"source" text
);
--> statement-breakpoint
CREATE TABLE "gpu_leases" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "gpu_leases_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"gpu_uuid" text NOT NULL,
	"container_uuid" uuid NOT NULL,
	"generation" integer NOT NULL,
	"leased_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"released_at" timestamp(3) with time zone
);
--> statement-breakpoint
CREATE TABLE "gpus" (
	"uuid" text PRIMARY KEY,
	"host_uuid" uuid NOT NULL,
	"index" integer NOT NULL,
	"name" text NOT NULL,
	"memory_bytes" bigint NOT NULL,
	"simulated" boolean NOT NULL,
	"present" boolean DEFAULT true NOT NULL
);
--> statement-breakpoint
CREATE TABLE "hosts" (
	"uuid" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	"name" text NOT NULL UNIQUE,
	"boot_id" uuid NOT NULL,
	"last_seq" bigint DEFAULT 0 NOT NULL,
	"last_seen_at" timestamp(3) with time zone NOT NULL,
	"agent_version" text NOT NULL,
	"cpus" real NOT NULL,
	"memory_bytes" bigint NOT NULL,
	"engine_available" boolean NOT NULL,
	"engine_version" text,
	"engine_message" text,
	"target_version" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "containers_name" ON "containers" ("team_uuid","name") WHERE desired <> 'deleted';--> statement-breakpoint
CREATE INDEX "containers_by_team" ON "containers" ("team_uuid","created_at");--> statement-breakpoint
CREATE INDEX "containers_by_host" ON "containers" ("host_uuid") WHERE deleted_at is null;--> statement-breakpoint
CREATE INDEX "events_by_container" ON "events" ("container_uuid","id");--> statement-breakpoint
CREATE UNIQUE INDEX "events_source" ON "events" ("container_uuid","source");--> statement-breakpoint
CREATE UNIQUE INDEX "gpu_leases_one_holder" ON "gpu_leases" ("gpu_uuid") WHERE released_at is null;--> statement-breakpoint
CREATE INDEX "gpu_leases_by_container" ON "gpu_leases" ("container_uuid");--> statement-breakpoint
CREATE INDEX "gpus_by_host" ON "gpus" ("host_uuid");--> statement-breakpoint
CREATE INDEX "gpus_by_name" ON "gpus" ("name");--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_user_uuid_users_uuid_fkey" FOREIGN KEY ("user_uuid") REFERENCES "users"("uuid");--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_team_uuid_teams_uuid_fkey" FOREIGN KEY ("team_uuid") REFERENCES "teams"("uuid");--> statement-breakpoint
ALTER TABLE "container_facts" ADD CONSTRAINT "container_facts_container_uuid_containers_uuid_fkey" FOREIGN KEY ("container_uuid") REFERENCES "containers"("uuid");--> statement-breakpoint
ALTER TABLE "containers" ADD CONSTRAINT "containers_team_uuid_teams_uuid_fkey" FOREIGN KEY ("team_uuid") REFERENCES "teams"("uuid");--> statement-breakpoint
ALTER TABLE "containers" ADD CONSTRAINT "containers_created_by_users_uuid_fkey" FOREIGN KEY ("created_by") REFERENCES "users"("uuid");--> statement-breakpoint
ALTER TABLE "containers" ADD CONSTRAINT "containers_host_uuid_hosts_uuid_fkey" FOREIGN KEY ("host_uuid") REFERENCES "hosts"("uuid");--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_container_uuid_containers_uuid_fkey" FOREIGN KEY ("container_uuid") REFERENCES "containers"("uuid");--> statement-breakpoint
ALTER TABLE "gpu_leases" ADD CONSTRAINT "gpu_leases_gpu_uuid_gpus_uuid_fkey" FOREIGN KEY ("gpu_uuid") REFERENCES "gpus"("uuid");--> statement-breakpoint
ALTER TABLE "gpu_leases" ADD CONSTRAINT "gpu_leases_container_uuid_containers_uuid_fkey" FOREIGN KEY ("container_uuid") REFERENCES "containers"("uuid");--> statement-breakpoint
ALTER TABLE "gpus" ADD CONSTRAINT "gpus_host_uuid_hosts_uuid_fkey" FOREIGN KEY ("host_uuid") REFERENCES "hosts"("uuid");