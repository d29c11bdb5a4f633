refresh materialized view totals with no data;
