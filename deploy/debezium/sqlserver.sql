-- Change data capture for Debezium, as sysadmin. SQL Server Agent has to run. Not tried on a server of this project's.
USE crm;
GO
EXEC sys.sp_cdc_enable_db;
GO
-- One for each table. Columns that the table gets later need another capture instance.
EXEC sys.sp_cdc_enable_table
    @source_schema = N'dbo',
    @source_name = N'customers',
    @role_name = N'debezium_reads',
    @supports_net_changes = 0;
GO
EXEC sys.sp_cdc_enable_table
    @source_schema = N'dbo',
    @source_name = N'cases',
    @role_name = N'debezium_reads',
    @supports_net_changes = 0;
GO
-- Who Debezium logs in as.
CREATE LOGIN debezium WITH PASSWORD = N'change-me-1';
CREATE USER debezium FOR LOGIN debezium;
ALTER ROLE db_datareader ADD MEMBER debezium;
ALTER ROLE debezium_reads ADD MEMBER debezium;
GRANT SELECT ON SCHEMA::cdc TO debezium;
GO
USE master;
GRANT VIEW SERVER STATE TO debezium;
GO
-- How often the log is read, in seconds, and how long changes are kept, in minutes: three days.
USE crm;
EXEC sys.sp_cdc_change_job @job_type = N'capture', @pollinginterval = 1;
EXEC sys.sp_cdc_change_job @job_type = N'cleanup', @retention = 4320;
EXEC sys.sp_cdc_stop_job @job_type = N'capture';
EXEC sys.sp_cdc_start_job @job_type = N'capture';
GO
-- All tables that are captured:
EXEC sys.sp_cdc_help_change_data_capture;
GO
