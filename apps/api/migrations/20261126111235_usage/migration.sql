CREATE TABLE "credits" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "credits_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp(3) with time zone NOT NULL,
	"team_uuid" uuid NOT NULL,
	"amount" numeric(14,4) NOT NULL,
	"note" text NOT NULL,
	"created_by" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "usage_intervals" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "usage_intervals_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"team_uuid" uuid NOT NULL,
	"container_uuid" uuid NOT NULL,
	"container_name" text NOT NULL,
	"host_uuid" uuid NOT NULL,
	"gpu_type" text NOT NULL,
	"gpu_count" integer NOT NULL,
	"price_per_hour" numeric(12,4) NOT NULL,
	"started_at" timestamp(3) with time zone NOT NULL,
	"ended_at" timestamp(3) with time zone
);
--> statement-breakpoint
ALTER TABLE "teams" ADD COLUMN "prepaid" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "teams" ADD COLUMN "exhausted_at" timestamp(3) with time zone;--> statement-breakpoint
CREATE INDEX "credits_by_team" ON "credits" ("team_uuid","id");--> statement-breakpoint
CREATE UNIQUE INDEX "usage_intervals_open" ON "usage_intervals" ("container_uuid") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "usage_intervals_by_team" ON "usage_intervals" ("team_uuid","started_at");--> statement-breakpoint
ALTER TABLE "credits" ADD CONSTRAINT "credits_team_uuid_teams_uuid_fkey" FOREIGN KEY ("team_uuid") REFERENCES "teams"("uuid");--> statement-breakpoint
CREATE FUNCTION "refuse_other_change_than_the_end"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL OR NEW.ended_at < OLD.started_at
		OR (to_jsonb(NEW) - 'ended_at') <> (to_jsonb(OLD) - 'ended_at') THEN
		RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
	END IF;
	RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "usage_intervals_end_once" BEFORE UPDATE ON "usage_intervals" FOR EACH ROW EXECUTE FUNCTION "refuse_other_change_than_the_end"();
--> statement-breakpoint
CREATE TRIGGER "usage_intervals_append_only" BEFORE DELETE OR TRUNCATE ON "usage_intervals" FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "credits_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "credits" FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
