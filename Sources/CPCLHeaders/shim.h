// Nothing for Swift: the target exists for the search paths that PCL's pkg-config file gives to CPCL.
