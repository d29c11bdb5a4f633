create index "By State" on "Sales Data"."Order Items" ("State of It");
