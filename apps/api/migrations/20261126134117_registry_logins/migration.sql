CREATE TABLE "registry_logins" (
	"team_uuid" uuid,
	"registry" text,
	"id" uuid NOT NULL,
	"username" text NOT NULL,
	"password" bytea NOT NULL,
	"updated_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "registry_logins_pkey" PRIMARY KEY("team_uuid","registry")
);
--> statement-breakpoint
ALTER TABLE "registry_logins" ADD CONSTRAINT "registry_logins_team_uuid_teams_uuid_fkey" FOREIGN KEY ("team_uuid") REFERENCES "teams"("uuid");