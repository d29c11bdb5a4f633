delete from plans where name = 'team';
