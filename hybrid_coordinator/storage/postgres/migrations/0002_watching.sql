-- What makes a second look at a tree quick, and what is looked at without being asked.

-- What the file system said of a file when its content was read; '' where that says too little.
ALTER TABLE source_files ADD COLUMN stamp text NOT NULL DEFAULT '';

-- Directories whose changes are followed while the coordinator runs.
CREATE TABLE watched_directories (
    project   text NOT NULL,
    directory text NOT NULL,
    since     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project, directory)
);
