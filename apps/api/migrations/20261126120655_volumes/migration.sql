CREATE TABLE "container_volumes" (
	"container_uuid" uuid,
	"volume_uuid" uuid NOT NULL,
	"mount_path" text,
	"read_only" boolean NOT NULL,
	"position" integer NOT NULL,
	CONSTRAINT "container_volumes_pkey" PRIMARY KEY("container_uuid","mount_path")
);
--> statement-breakpoint
CREATE TABLE "volume_facts" (
	"volume_uuid" uuid PRIMARY KEY,
	"state" text NOT NULL,
	"generation" integer NOT NULL,
	"used_bytes" bigint,
	"enforced" boolean NOT NULL,
	"problem" text,
	"failure_code" text,
	"observed_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "volumes" (
	"uuid" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	"team_uuid" uuid NOT NULL,
	"created_by" uuid NOT NULL,
	"name" text NOT NULL,
	"driver" text NOT NULL,
	"size_bytes" bigint NOT NULL,
	"made_size_bytes" bigint,
	"generation" integer DEFAULT 1 NOT NULL,
	"host_uuid" uuid NOT NULL,
	"desired" text DEFAULT 'present' NOT NULL,
	"failure_generation" integer,
	"failure_code" text,
	"failure_message" text,
	"created_at" timestamp(3) with time zone NOT NULL,
	"deleted_at" timestamp(3) with time zone
);
--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "pinned_to" uuid;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "volume_drivers" text[] DEFAULT '{}'::text[] NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "volumes" jsonb DEFAULT '[]' NOT NULL;--> statement-breakpoint
CREATE INDEX "container_volumes_by_volume" ON "container_volumes" ("volume_uuid");--> statement-breakpoint
CREATE UNIQUE INDEX "volumes_name" ON "volumes" ("team_uuid","name") WHERE desired <> 'deleted';--> statement-breakpoint
CREATE INDEX "volumes_by_team" ON "volumes" ("team_uuid","created_at");--> statement-breakpoint
CREATE INDEX "volumes_by_host" ON "volumes" ("host_uuid") WHERE deleted_at is null;--> statement-breakpoint
ALTER TABLE "containers" ADD CONSTRAINT "containers_pinned_to_hosts_uuid_fkey" FOREIGN KEY ("pinned_to") REFERENCES "hosts"("uuid");--> statement-breakpoint
ALTER TABLE "container_volumes" ADD CONSTRAINT "container_volumes_container_uuid_containers_uuid_fkey" FOREIGN KEY ("container_uuid") REFERENCES "containers"("uuid");--> statement-breakpoint
ALTER TABLE "container_volumes" ADD CONSTRAINT "container_volumes_volume_uuid_volumes_uuid_fkey" FOREIGN KEY ("volume_uuid") REFERENCES "volumes"("uuid");--> statement-breakpoint
ALTER TABLE "volume_facts" ADD CONSTRAINT "volume_facts_volume_uuid_volumes_uuid_fkey" FOREIGN KEY ("volume_uuid") REFERENCES "volumes"("uuid");--> statement-breakpoint
ALTER TABLE "volumes" ADD CONSTRAINT "volumes_team_uuid_teams_uuid_fkey" FOREIGN KEY ("team_uuid") REFERENCES "teams"("uuid");--> statement-breakpoint
ALTER TABLE "volumes" ADD CONSTRAINT "volumes_created_by_users_uuid_fkey" FOREIGN KEY ("created_by") REFERENCES "users"("uuid");--> statement-breakpoint
ALTER TABLE "volumes" ADD CONSTRAINT "volumes_host_uuid_hosts_uuid_fkey" FOREIGN KEY ("host_uuid") REFERENCES "hosts"("uuid");