drop view buyers;
