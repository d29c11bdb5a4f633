create schema "Sales Data";
create table "Sales Data"."Order Items" ("Id" bigint generated always as identity primary key, "State of It" text not null);
