delete from plans where name = 'team';
drop trigger plans_trimmed;
drop procedure rename_plan;
drop function short;
