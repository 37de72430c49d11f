# PoCL's test suite (CTest): runs `clenet check` on the PoCL that has just been built. Copy this file to
# examples/clenet/CMakeLists.txt in PoCL's tree, and add_subdirectory(clenet) in the one above; or include() it after
# enable_testing().
#   cmake -DCLENET=/path/to/clenet …    ctest -L clenet
# clenet-fails.txt beside this file, if it is there, has the known failures: one "operation, setting" per line.
find_program(CLENET clenet DOC "the program clenet")
set(CLENET_VENDORS "${CMAKE_BINARY_DIR}/ocl-vendors" CACHE PATH "a folder with the .icd file of the PoCL to test")
set(baseline "${CMAKE_CURRENT_LIST_DIR}/clenet-fails.txt")
if(CLENET)
  foreach(part quick full)
    set(command "${CLENET}" check --device "Portable Computing Language" --junit
                "${CMAKE_CURRENT_BINARY_DIR}/clenet-${part}.xml")
    if(part STREQUAL "quick")
      list(APPEND command --quick)
    endif()
    if(EXISTS "${baseline}")
      list(APPEND command --baseline "${baseline}")
    endif()
    add_test(NAME "clenet/${part}" COMMAND ${command})
    # 77: nothing could be checked. Other exit statuses than 0 are failures; docs/checking.md lists them.
    set_tests_properties(
      "clenet/${part}" PROPERTIES LABELS "clenet;clenet-${part}" SKIP_RETURN_CODE 77 TIMEOUT 7200
      ENVIRONMENT "POCL_BUILDING=1;OCL_ICD_VENDORS=${CLENET_VENDORS};CLENET_CACHE_DIR=${CMAKE_CURRENT_BINARY_DIR}/clenet-cache")
  endforeach()
endif()
