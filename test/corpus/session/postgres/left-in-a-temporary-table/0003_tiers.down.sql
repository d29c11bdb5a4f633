drop table tiers;
