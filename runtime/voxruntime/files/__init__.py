"""Files in and out: the io process and the formats it reads and writes."""
