create materialized view totals as select sum(total) from orders with no data;
