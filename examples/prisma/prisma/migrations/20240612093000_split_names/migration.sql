/*
  Warnings:

  - You are about to drop the column `name` on the `User` table. All the data in the column will be lost.
  - Added the required column `firstName` to the `User` table without a default value. This is not possible if the table is not empty.

*/
-- AlterTable
ALTER TABLE "User" ADD COLUMN "firstName" TEXT, ADD COLUMN "lastName" TEXT;

-- Written by hand: everybody keeps their name.
UPDATE "User" SET "firstName" = split_part("name", ' ', 1), "lastName" = nullif(substr("name", strpos("name" || ' ', ' ') + 1), '');

-- AlterTable
ALTER TABLE "User" ALTER COLUMN "firstName" SET NOT NULL, DROP COLUMN "name";
