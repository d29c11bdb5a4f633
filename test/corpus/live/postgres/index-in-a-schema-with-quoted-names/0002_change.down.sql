drop index "Sales Data"."By State";
